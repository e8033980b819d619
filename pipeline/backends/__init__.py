"""What fills the ports; each heavy library is imported on first use."""
