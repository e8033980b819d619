"""Stateless handlers of buttons, menus and forms: the `custom_id` contains everything they need."""
