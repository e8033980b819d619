"""Handlers of buttons, menus and forms; they are stateless, the `custom_id` contains everything they need."""
