"""EC2 as a service of aws_api: network interfaces, security groups, public addresses, and what else is described."""
