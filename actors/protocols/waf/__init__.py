"""AWS WAF: web ACLs and how they judge requests."""
