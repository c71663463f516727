"""Where posts go: one module per service, all behind the protocol of publisher.py."""
