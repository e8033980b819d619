"""What people see: values in, `Shown` out; nothing here talks to Discord, the database or a clock."""
