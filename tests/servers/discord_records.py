"""Discord's records as JSON: users, a server with its channels, messages, interactions."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

EPOCH = 1_420_070_400_000  # of snowflakes, in milliseconds
BOT, GUILD, CHANNEL = 1_000_000_000_000_000_001, 1_000_000_000_000_000_002, 1_000_000_000_000_000_003
OWNER, EVERYONE = 1_000_000_000_000_000_005, GUILD
ALL_RIGHTS = (1 << 50) - 1
_count = count()

Json = dict[str, Any]


def snowflake() -> int:
    """Return a new number, of this moment."""
    return (int(datetime.now(UTC).timestamp() * 1000) - EPOCH << 22) + next(_count) % (1 << 22)


def user(number: int = BOT, name: str = "apocrypha", bot: bool = True) -> Json:
    about = {"id": str(number), "username": name, "discriminator": "0", "avatar": None, "global_name": None}
    return about | {"bot": bot, "public_flags": 0, "flags": 0, "primary_guild": None}


def application() -> Json:
    about = {"id": str(BOT), "name": "apocrypha", "icon": None, "description": "", "type": None, "verify_key": "0" * 64}
    about |= {"flags": 0, "flags_new": "0", "redirect_uris": [], "interactions_endpoint_url": None}
    about |= {"role_connections_verification_url": None, "owner": user(OWNER, "owner", bot=False), "team": None}
    about |= {"approximate_guild_count": 1, "approximate_user_install_count": 0, "explicit_content_filter": 0}
    about |= {"approximate_user_authorization_count": 0, "eligible_oauth2_scopes": []}
    return about | {"bot_public": False, "bot_require_code_grant": False}


def channel(number: int, name: str, guild: int | None = GUILD) -> Json:
    if guild is None:
        return {"id": str(number), "type": 1, "flags": 0, "recipients": [], "last_message_id": None}
    about = {"id": str(number), "type": 0, "flags": 0, "guild_id": str(guild), "name": name, "position": 0}
    about |= {"permission_overwrites": [], "nsfw": False, "parent_id": None, "topic": None, "rate_limit_per_user": 0}
    return about | {"last_message_id": None}


def role(number: int, name: str, rights: int) -> Json:
    about = {
        "id": str(number),
        "name": name,
        "description": None,
        "permissions": str(rights),
        "position": 0,
        "color": 0,
    }
    colours = {"primary_color": 0, "secondary_color": None, "tertiary_color": None}
    about |= {"colors": colours, "hoist": False, "managed": False, "mentionable": False, "icon": None}
    return about | {"unicode_emoji": None, "flags": 0}


def member(who: Json) -> Json:
    about = {"user": who, "nick": None, "avatar": None, "banner": None, "roles": [], "flags": 0, "pending": False}
    about |= {"joined_at": datetime.now(UTC).isoformat(), "premium_since": None, "deaf": False, "mute": False}
    return about | {"communication_disabled_until": None}


def guild(channels: list[Json]) -> Json:
    about = {"id": str(GUILD), "name": "The Scriptorium", "owner_id": str(OWNER), "icon": None, "splash": None}
    about |= {"discovery_splash": None, "afk_channel_id": None, "afk_timeout": 300, "verification_level": 0}
    about |= {"default_message_notifications": 1, "explicit_content_filter": 0, "emojis": [], "features": []}
    about |= {"mfa_level": 0, "application_id": None, "system_channel_id": None, "system_channel_flags": 0}
    about |= {"rules_channel_id": None, "vanity_url_code": None, "description": None, "banner": None}
    about |= {"premium_tier": 0, "preferred_locale": "en-US", "public_updates_channel_id": None, "nsfw_level": 0}
    about |= {"premium_progress_bar_enabled": False, "stickers": [], "safety_alerts_channel_id": None, "large": False}
    about |= {"joined_at": datetime.now(UTC).isoformat(), "unavailable": False, "member_count": 2, "voice_states": []}
    about |= {"members": [member(user())], "threads": [], "presences": [], "stage_instances": []}
    about |= {"guild_scheduled_events": [], "soundboard_sounds": []}
    return about | {"roles": [role(EVERYONE, "@everyone", ALL_RIGHTS & ~(1 << 5))], "channels": channels}


def message(place: int, author: Json, content: str, **more: Any) -> Json:
    now = datetime.now(UTC).isoformat()
    about = {"id": str(snowflake()), "channel_id": str(place), "author": author, "content": content, "timestamp": now}
    about |= {"edited_timestamp": None, "tts": False, "mention_everyone": False, "mentions": [], "mention_roles": []}
    about |= {"attachments": [], "embeds": [], "pinned": False, "type": 0, "flags": 0, "components": []}
    return about | more


def attachment(number: int, filename: str, size: int, description: str | None) -> Json:
    url = f"https://cdn.example/{number}/{filename}"
    return {"id": str(number), "filename": filename, "size": size, "url": url, "proxy_url": url} | (
        {"description": description} if description else {}
    )


def components(given: list[Json]) -> list[Json]:
    """Return components as Discord answers with them: each with a number."""
    numbers = count(1)

    def numbered(each: Json) -> Json:
        inner = {"components": [numbered(child) for child in each["components"]]} if "components" in each else {}
        return each | {"id": next(numbers)} | inner

    return [numbered(each) for each in given]
