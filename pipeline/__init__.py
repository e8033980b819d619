"""The stages and the two flows. Outside `backends` they use no server, model library or environment, only ports."""
