"""Elastic Load Balancing as a service of aws_api: the engine, what it tells its nodes, and what they tell it."""
