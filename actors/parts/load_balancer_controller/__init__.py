"""The AWS Load Balancer Controller's work: pods of a Service become targets of a target group, and cease to be."""
