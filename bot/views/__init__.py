"""What people press and fill in, stateless: everything that is needed later stands in the `custom_id`."""
