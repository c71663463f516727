"""Frontends: each turns a person's line into `Conversation.reply` and shows what comes back."""
