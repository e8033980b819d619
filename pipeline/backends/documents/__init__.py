"""Reading files: format detection, decoding and extraction in a child process."""
