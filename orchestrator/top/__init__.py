"""`journey top`: hops, targets, load and events of a running world, as they change."""
