"""Services beside calls: registrations, subscriptions, authentication."""
