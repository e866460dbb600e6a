"""The part of Amazon EC2 that deals with network interfaces: what it keeps, what it allows, how it answers."""
