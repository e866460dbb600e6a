"""What the element `aws_api` is made of: the plane that all services share, and the services."""
