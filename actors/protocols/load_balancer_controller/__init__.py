"""The AWS Load Balancer Controller's thinking: from Ingresses and Services to the load balancer that they ask for."""
