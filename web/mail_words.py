"""What mail says, in its reader's language: so little that anybody may look over their shoulder.

The subject is one that any server on earth could send. Not even the organisation is named: its name
may say what people have.
"""

from __future__ import annotations

from web.i18n import LOCALES, N_, SOURCE_LOCALE, Words, words_for

# What a mail is, for the administrator who sees that it was not sent.
KINDS: dict[str, str] = {
    "sign_in_link": N_("A link to sign in"),
    "confirm_address": N_("A question whether an address is right"),
    "community_invitation": N_("An invitation into a community"),
    "site_invitation": N_("An invitation to this server"),
    "membership_decided": N_("News about a request to join"),
    "new_message": N_("News about a message"),
    "let_in": N_("That an account is open"),
    "not_let_in": N_("That an account was not opened"),
    "not_let_in_why": N_("That an account was not opened"),
    "export_ready": N_("That a copy is ready"),
    "receipt_changed": N_("News about a receipt"),
    "test": N_("A test"),
}


def kind_words(words: Words, kind: str) -> str:
    """What a mail is, without a word about whom."""
    return words.gettext(KINDS[kind])


def compose(locale: str, kind: str, link: str) -> tuple[str, str]:
    """Subject and text of a mail."""
    words = words_for(locale if locale in LOCALES else SOURCE_LOCALE)
    subject, sentence, ending = _WORDS[kind](words)
    lines = [sentence]
    if link:
        lines += ["", link]
    if ending:
        lines += ["", ending]
    return subject, "\n".join(lines) + "\n"


def _sign_in_link(words: Words) -> tuple[str, str, str]:
    return (
        words.gettext("Your link"),
        words.gettext("With this link you are signed in. It works once, for half an hour."),
        words.gettext("If you did not ask for it, you need not do anything."),
    )


def _confirm_address(words: Words) -> tuple[str, str, str]:
    return (
        words.gettext("Is this your address?"),
        words.gettext("Somebody gave this address for their account. If it was you, open this:"),
        words.gettext("If it was not you, you need not do anything, and get no more mail."),
    )


def _invitation(words: Words) -> tuple[str, str, str]:
    return (
        words.gettext("An invitation"),
        words.gettext("Somebody invites you. The link tells you who and to what:"),
        words.gettext("The link is for you alone. If you do not want it, throw this mail away."),
    )


def _news(words: Words) -> tuple[str, str, str]:
    return (
        words.gettext("News for you"),
        words.gettext("There is something new for you. You see it when you are signed in:"),
        "",
    )


def _let_in(words: Words) -> tuple[str, str, str]:
    return (
        words.gettext("Your account is open"),
        words.gettext("Somebody has looked at your account. You can use it now:"),
        "",
    )


def _not_let_in(words: Words) -> tuple[str, str, str]:
    return (
        words.gettext("About your account"),
        words.gettext("The account that you asked for was not opened."),
        "",
    )


def _not_let_in_why(words: Words) -> tuple[str, str, str]:
    return (
        words.gettext("About your account"),
        words.gettext("The account that you asked for was not opened. Here you can read why:"),
        "",
    )


def _export_ready(words: Words) -> tuple[str, str, str]:
    return (
        words.gettext("Your file is ready"),
        words.gettext("You can fetch it when you are signed in:"),
        "",
    )


def _receipt_changed(words: Words) -> tuple[str, str, str]:
    return (
        words.gettext("News about what was deleted"),
        words.gettext("Every server that was asked has answered, or never will."),
        words.gettext("The link of your receipt, which you were given then, shows it."),
    )


def _test(words: Words) -> tuple[str, str, str]:
    return (
        words.gettext("A test"),
        words.gettext("Mail arrives. Open this to have it used from now on:"),
        "",
    )


_WORDS = {
    "sign_in_link": _sign_in_link,
    "confirm_address": _confirm_address,
    "community_invitation": _invitation,
    "site_invitation": _invitation,
    "membership_decided": _news,
    "new_message": _news,
    "let_in": _let_in,
    "not_let_in": _not_let_in,
    "not_let_in_why": _not_let_in_why,
    "export_ready": _export_ready,
    "receipt_changed": _receipt_changed,
    "test": _test,
}
