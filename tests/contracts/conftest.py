from tests.servers.fixtures import loop, mastodon_mock, pds, place, snac

__all__ = ["loop", "mastodon_mock", "pds", "place", "snac"]
