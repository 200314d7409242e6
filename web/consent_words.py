"""What people agree to, in at most 120 words for each purpose.

Changed words are another version: count it up in forum/consents.py.
"""

from __future__ import annotations

from web.i18n import N_, Words

TITLES: dict[str, str] = {
    "account": N_("An account here"),
    "community": N_("Being a member of a community"),
    "federation": N_("Posts that go to other servers"),
    "journal": N_("A private journal"),
    "aggregation": N_("Counting what many people say"),
}

TEXTS: dict[str, str] = {
    "account": N_(
        "To have an account, this server keeps your name, your password in a form that nobody can "
        "read, your language, your settings and what you write. You need not give your real name, "
        "and an e-mail address only if you want. What you write here can tell something about your "
        "health: that is why we ask. It is not sold, not used for advertising, and not given to "
        "anybody but the people you write it for. To take this back, close your account; what you "
        "wrote is then erased."
    ),
    "community": N_(
        "For you to be a member of a community, this server keeps that you are one. In a community "
        "for an illness that says something about your health. Other members see what you write, "
        "never a list of who is here. The moderators can see who is a member, and it is noted when "
        "they look. If the community lives on another server, that server learns your name here. "
        "To take this back, leave the community; what you wrote stays until you delete it."
    ),
    "federation": N_(
        "What you write here is sent to other servers; the box above the button says to which. "
        "Others run them, some perhaps in countries with other laws. When you delete something we "
        "ask them to delete it too, but cannot make them, and people may have kept a copy. That "
        "you write among people who speak of health can tell something about your own. You can "
        "use a name that nobody knows from elsewhere, or write only where posts stay on this "
        "server. You can take this back in your settings at any time: nothing more is sent then."
    ),
    "journal": N_("This server keeps no private journal of symptoms or medicines for anybody."),
    "aggregation": N_("This server makes no statistics of what people write or how they are."),
}


def title_of(words: Words, purpose: str) -> str:
    return words.gettext(TITLES[purpose])


def text_of(words: Words, purpose: str) -> str:
    return words.gettext(TEXTS[purpose])
