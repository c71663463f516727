"""From an account to its publisher. Only the library of its platform is imported."""

from bot.accounts import Account, BlueskyAccount, DiscordAccount, FolderAccount, MastodonAccount, XAccount
from bot.publish.publisher import Publisher, Vault
from corpora.errors import UserError


def open_publisher(account: Account, vault: Vault) -> Publisher:
    """Return who posts to `account`; nothing is asked of the service yet. What it hands us is kept in `vault`.

    Raise UserError where its library is not installed.
    """
    try:
        return _open(account, vault)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("bot"):
            raise
        raise UserError(
            f"The account {account.name} needs {error.name}, which is not installed. "
            f"Install what {account.platform} needs: pip install 'apocrypha[{account.platform}]'"
        ) from error


def _open(account: Account, vault: Vault) -> Publisher:
    match account:
        case FolderAccount():
            from bot.publish.folder import FolderPublisher

            return FolderPublisher(account)
        case DiscordAccount(webhook=None):
            from bot.publish.discord import ChannelPublisher

            return ChannelPublisher(account)
        case DiscordAccount():
            from bot.publish.discord import WebhookPublisher

            return WebhookPublisher(account)
        case XAccount():
            from bot.publish.x import XPublisher

            return XPublisher(account, vault)
        case MastodonAccount():
            from bot.publish.mastodon import MastodonPublisher

            return MastodonPublisher(account)
        case BlueskyAccount():
            from bot.publish.bluesky import BlueskyPublisher

            return BlueskyPublisher(account, vault)
