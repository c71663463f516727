from tests.servers.fixtures import loop, mastodon_mock, pds

__all__ = ["loop", "mastodon_mock", "pds"]
