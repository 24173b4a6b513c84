"""Events as JSON: for event streams and webhooks."""
