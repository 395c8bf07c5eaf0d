"""What happens: events, their live streams, notifications and mails."""
