"""Read Word documents (DOCX, DOCM and their templates)."""
