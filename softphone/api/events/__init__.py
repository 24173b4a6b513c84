"""What happens, as JSON: to event streams and webhooks."""
