"""The working parts of an ALB node: clients and listeners on one side, targets and their connections on the other."""
