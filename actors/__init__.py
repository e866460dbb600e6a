"""The emulated world: every network element, and the protocols, links and clocks it runs on."""
