"""A Discord bot: what it hears, how it answers, what admins may do."""
