"""What an ALB does before it forwards: verifying tokens (JWT) and logging users in (OpenID Connect)."""
