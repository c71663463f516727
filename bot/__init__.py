"""The audience: conversations, frontends, settings and the command line."""
