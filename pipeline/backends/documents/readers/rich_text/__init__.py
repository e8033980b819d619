"""Read RTF documents."""
