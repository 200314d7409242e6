"""Sentences for codes: what has just been done, and why something was refused.

Codes come from forum and from our own forms; they are stable and never shown.
"""

from __future__ import annotations

from web.i18n import N_, Words

DONE: dict[str, str] = {
    "joined": N_("Welcome. You are a member of this community now."),
    "asked": N_("Your request was sent. You will be let in when a moderator has read it."),
    "rules_accepted": N_("Thank you. You have agreed to the rules."),
    "invited": N_("The invitations are on their way. They name neither the community nor you."),
    "handed_over": N_("The account is yours now. Below is what was written with it."),
    "links_ended": N_("No link that was made until now can be used any more."),
    "rules_changed": N_("The rules are saved. Members agree to them before they write again."),
    "role_changed": N_("The role is changed."),
    "signed_up": N_("Welcome. Your account is ready."),
    "subscribed": N_("You read along. New threads will appear on your home page."),
    "unsubscribed": N_("You no longer read along there."),
    "left": N_("You have left this community."),
    "posted": N_("Your post is published."),
    "replied": N_("Your reply is published."),
    "supported": N_("You support this post. To take it back, open “More” below it."),
    "unsupported": N_("You no longer support this post."),
    "deleted": N_("Your post was deleted."),
    "account_closed": N_("Your account is closed. This page is your receipt."),
    "recalled": N_("The server will be asked. This page is the receipt."),
    "removed": N_("The post was removed."),
    "reported": N_("Thank you. A moderator will look at it. Nobody else learns that you told us."),
    "reported_message": N_(
        "Thank you. An administrator will look at it. Nobody else learns that you told us."
    ),
    "blocked": N_("You no longer see each other. You can undo this in your settings."),
    "muted": N_("Muted, for you alone. You can undo this here."),
    "unblocked": N_("It is undone."),
    "stopped": N_("This member cannot post until the date that you chose."),
    "let": N_("This member can post again."),
    "accepted": N_("The person was let in."),
    "refused": N_("The person was not accepted this time."),
    "may_come_again": N_("The person can join or ask again."),
    "closed": N_("The report is closed."),
    "agreed": N_("Thank you. You can take this back here at any time."),
    "taken_back": N_("Your consent is taken back."),
    "saved": N_("Your changes are saved."),
    "approved": N_("The account can be used now."),
    "server_blocked": N_("The server is blocked."),
    "server_unblocked": N_("The server is no longer blocked."),
    "server_allowed": N_("The server may exchange posts with this one."),
    "made": N_("Your community is ready. Write the first post, or invite people."),
    "set_up": N_("Your server is ready. Now make the first community."),
    "waiting": N_("Your account is made. A person will look at it; then you can join and write."),
    "signed_out": N_("You are signed out."),
    "turned_away": N_("The account was not opened."),
    "signed_out_there": N_("You are signed out there."),
    "second_step_off": N_("Your password is enough again."),
    "second_step_over": N_("That took too long. Please sign in once more."),
    "mail_saved": N_("Saved. Now send a test: mail is used once it has arrived."),
    "mail_test_sent": N_("The test was taken. Open the link in it to have mail used."),
    "mail_works": N_("Mail arrives, and is used from now on."),
    "mail_asked_alike": N_(
        "We have sent a link to this address. It counts once you have opened it. Your name here "
        "looks like it: whoever knows the address may recognise you by what you write. Another "
        "address would change nothing about that; a new account under another name would."
    ),
    "site_invited": N_("The invitations are queued. They name neither this server nor you."),
    "mail_again": N_("It will be tried again."),
    "links_of_site_ended": N_("The link can no longer be used."),
    "mail_asked": N_("We have sent a link to this address. It counts once you have opened it."),
    "mail_confirmed": N_("Your address is confirmed."),
    "mail_removed": N_("Your address is deleted."),
    "export_asked": N_("Your copy is being made."),
    "list_taken": N_("Thank you. We are going through your list."),
    "moved": N_("You have moved. The servers that know you are being told."),
    "arrived": N_("Your other account has moved here."),
    "came_back": N_("You are here again, and can write."),
    "list_forgotten": N_("The list is forgotten."),
    "message_sent": N_("Your message is sent."),
    "message_accepted": N_("You can write to each other now."),
    "message_refused": N_("The request is gone. Whoever sent it is not told."),
    "message_hidden": N_("What was said until now is no longer shown to you."),
    "message_asked": N_("We have asked whether they want to delete theirs."),
    "message_declined": N_("Nothing was deleted, and nobody was told."),
}

PROBLEMS: dict[str, str] = {
    "refused": N_("This is not possible here."),
    "not_reachable": N_("This person cannot be written to."),
    "not_yet_answered": N_("Please wait until this person has answered you."),
    "professional_first": N_(
        "Who is here for their work does not write to people first. You can answer who writes to "
        "you."
    ),
    "ask_in_words": N_("On other servers we can not ask for you. Please ask in a message."),
    "too_many_people": N_("A message is for one person or a few, and not only for yourself."),
    "too_young": N_("You can make an account here when you are old enough."),
    "wrong_code": N_("This code is not right. It may be a new one by now; each works once."),
    "wrong_recovery": N_("This name and this code do not belong together, or the code was used."),
    "passkey_failed": N_("This key did not work. You can try once more."),
    "too_many_keys": N_("You have twenty passkeys. Remove one first."),
    "second_step_is_on": N_("A second step is set up already."),
    "second_step_broken": N_("Your second step is broken. Please ask who runs this server."),
    "bad_address": N_("This is not a mail address."),
    "address_taken": N_("Another account has this address. Sign in there, or give another one."),
    "no_mail": N_("This server does not send mail yet."),
    "no_mail_settings": N_("Say first how mail leaves this server, and save it."),
    "nobody_has_this_name": N_("Nobody here has this name."),
    "mail_login": N_("The mail server did not accept the user name and the password."),
    "mail_recipient": N_("The mail server does not deliver to this address."),
    "mail_refused": N_("The mail server refused the mail. Is the sender's address right?"),
    "mail_unreachable": N_("The mail server did not answer. Are name, port and security right?"),
    "mail_password": N_("The kept password can not be read any more. Please type it again."),
    "mail_address": N_("No mail can be sent to this address."),
    "not_allowed": N_("You are not allowed to do this."),
    "sign_in_first": N_("Please sign in first."),
    "invalid": N_("Something in the form is not right."),
    "post_gone": N_("This post is no longer there."),
    "join_to_read": N_("This community lets people in one by one. Please ask to join it."),
    "reach_changed": N_(
        "Since you opened this page, more people can read what is written here. Nothing was sent. "
        "Please look at the box above the button; then you can post it."
    ),
    "consent_needed": N_("Please read this and agree, or write where posts stay on this server."),
    "federation_withdrawn": N_(
        "You took back your consent that what you write is sent to other servers, and here it "
        "would be. You can give it again in your settings, under “What you agreed to”."
    ),
    "not_offered": N_("This server does not do that, so there is nothing to agree to."),
    "conflict": N_("Somebody was faster. Please look at the page again."),
    "too_many": N_("That was very often in a short time. Please wait a little and try again."),
    "foreign_form": N_("This form was sent from another website. Nothing was changed."),
    "form_too_old": N_(
        "This form has grown too old. Please open the page again and send it once more. "
        "Nothing was changed."
    ),
    "form_too_large": N_(
        "This is too large to be sent at once. Please take fewer or smaller files. Nothing was "
        "sent."
    ),
    "form_broken": N_("What arrived was not whole. Please send it once more."),
    "server_busy": N_(
        "Many files are being sent at the moment. Please wait a minute and send it once more."
    ),
    "too_many_files": N_("A post has room for four files. The others were left out."),
    "file_too_large": N_(
        "This file is too large. A picture may have 10 MB, a sound or a video 40 MB."
    ),
    "picture_too_large": N_("This picture has too many pixels. Please make it smaller first."),
    "picture_broken": N_("This picture can not be read. Please save it anew, as JPEG for example."),
    "file_kind": N_(
        "This kind of file can not be taken. Pictures can be JPEG, PNG, WebP, AVIF or GIF, sounds "
        "MP3, Ogg, M4A or WAV, videos MP4 or WebM."
    ),
    "person_quota": N_(
        "You have no room left for files. Delete posts with large files that you no longer need."
    ),
    "server_quota": N_(
        "This server has no room left for files. Please tell the people who run it."
    ),
    "disk_full": N_("This server has no room left. Please tell the people who run it."),
    "describe_files": N_("Please describe it in a few words, or post it without a description."),
    "file_gone": N_("A file waited too long and is gone. Please choose it again."),
    "missing": N_("Please fill this in."),
    "empty": N_("Please fill this in."),
    "too_short": N_("This is too short."),
    "too_long": N_("This is too long."),
    "choose_one": N_("Please choose one of the answers."),
    "choose": N_("Please choose one of the answers."),
    "number_range": N_("Please give a number in the range that is offered."),
    "bad_date": N_("Please choose a date."),
    "no_aliases": N_("In this community people write under their own name."),
    "alias_ended": N_("You have put this name away. Write under your own, or take a new one."),
    "too_new_for_alias": N_("This is possible once your account is three days old."),
    "too_many_aliases": N_(
        "You have three such names already. Put one away in your settings, then take a new one."
    ),
    "tells_much": N_("It may say more about somebody than you want. Please look at the list."),
    "too_many_wishes": N_("There is no room for more. Undo something that you no longer need."),
    "moved_this_week": N_(
        "One of the two accounts has moved within the last week. Please come back later."
    ),
    "not_moved_yet": N_("That account does not say yet that it has moved here."),
    "moved": N_("You have moved to another account. Write with that one, or take the move back."),
    "moved_lately": N_("You moved less than 30 days ago. Please wait a little."),
    "name_is_stopped": N_(
        "A name that you used in one thread cannot post at the moment. You can move once that has "
        "ended: before, moving would show whose name it is."
    ),
    "moved_on": N_("That account has moved on itself."),
    "not_known_as": N_(
        "The new account does not name this one yet. Name it there as an old account, then come "
        "back."
    ),
    "not_elsewhere": N_("Please name the account of a person on another server."),
    "account_not_found": N_(
        "No account was found there. The address may be wrong, or that server may not be answering."
    ),
    "too_many_names": N_("You have named five accounts already."),
    "bad_list": N_("This does not look like a list. Please give the file as it was fetched."),
    "list_too_large": N_("This file is too large: at most one megabyte."),
    "other_list": N_("The columns are those of another list. Please choose which one it is."),
    "too_many_lines": N_("These are too many lines. Please bring at most 10,000 at once."),
    "import_runs": N_("Your other lists are still being worked on. Please come back later."),
    "own_server": N_("This is the server that you are on."),
    "in_the_past": N_("Please choose a date in the future."),
    "name_is_address": N_(
        "This is a mail address. Please choose a name that does not remind of it: others see the "
        "name, and who knows the address would know you."
    ),
    "bad_name": N_("Only small letters a to z, digits and _ , between 2 and 30 of them."),
    "no_such_member": N_("No member of this community has that name here."),
    "at_most_a_year": N_("Please choose a date within a year."),
    "hand_on_roles_first": N_(
        "You look after this server or a community. Please hand that on to somebody else first."
    ),
    "too_many_addresses": N_("Please give fewer addresses at once."),
    "too_many_questions": N_("Please ask five questions at most."),
    "accept_rules": N_("Please read the rules and agree to them."),
    "name_taken": N_("This name is taken, or was used before. Please choose another one."),
    "name_reserved": N_("This name could be mistaken for an official one. Please choose another."),
    "wrong_sign_in": N_("Name and password do not belong together."),
    "wrong_password": N_("This is not your password."),
    "signup_closed": N_("New accounts are not open at the moment."),
    "suspended": N_("This account is closed. Please write to the people who run this place."),
    "waiting": N_("Somebody still has to look at your account. Then you can join and write."),
    "bad_title": N_("Please give a name of up to 100 characters."),
    "bad_contact": N_("Please say how people can reach you."),
    "bad_condition": N_("An Orphanet number looks like ORPHA:558."),
    "bad_host": N_("This is not an address of a server, like forum.example.org."),
    "anywhere_is_public": N_(
        "Posts of a closed community cannot travel anywhere. Choose “nowhere” or name servers."
    ),
    "unlisted_is_not_indexed": N_(
        "A community that is found only by invitation cannot be in search engines. Choose "
        "“no”, or show its name card."
    ),
    "name_a_server": N_("Please name at least one server, or let the posts stay here."),
    "no_server_named": N_("Servers are only named when posts travel to named servers."),
    "community_not_found": N_(
        "No community was found there. The address may be wrong, that server may not be "
        "answering, or it may be closed to this one."
    ),
    "not_a_member": N_("Only members of the community can write there. Please join first."),
    "stopped": N_("You cannot post in this community for now."),
    "blocked": N_("You cannot answer this post."),
    "other_community": N_("You cannot answer this post."),
    "parent_gone": N_("The post that you answer is no longer there."),
    "not_yours_to_change": N_("Only the person who wrote a post can change it."),
    "not_yours": N_("Only the person who wrote a post can delete it."),
    "not_a_moderator": N_("Only moderators can do this."),
    "target_moderates": N_("This person moderates the community too. Its owner can do this."),
    "nobody_reads_reports": N_(
        "This community lives on another server, and reports cannot be sent there yet."
    ),
    "not_an_admin": N_("Only the administrator can do this."),
    "not_here": N_("This community lives on another server."),
    "not_accepted": N_("You were not accepted this time."),
    "invitation_needed": N_("This community is joined by invitation."),
    "invitation_over": N_("This invitation can no longer be used. Please ask for a new one."),
    "last_owner": N_("You are the only owner. Please make somebody else an owner first."),
    "yourself": N_("You cannot do this to yourself."),
    "own_support": N_("You cannot support what you wrote yourself."),
    "nobody_asks": N_("This request was taken back or has been answered already."),
    "already_set_up": N_("This server is set up already."),
    "bad_setup_token": N_(
        "This link can no longer be used. Start the server again to get a new one."
    ),
    "host_refused": N_("This server exchanges nothing with that one."),
    "last_admin": N_(
        "You are the only administrator. Please make somebody else one first: nobody could look "
        "after this server without you."
    ),
    "tick_sure": N_("Please say that you are sure."),
    "nothing_sent": N_("That server was never sent a post from here."),
    "recall_first": N_(
        "Nothing is exchanged with that server, so it cannot be asked. Allow it, ask, and block it "
        "again when it has answered."
    ),
}

ACTIONS: dict[str, str] = {
    "see_alias": N_("looked up who wrote as"),
    "see_message": N_("looked at a reported message"),
    "remove_post": N_("removed a post by"),
    "stop_member": N_("stopped from posting:"),
    "let_member": N_("let post again:"),
    "accept_member": N_("let in:"),
    "refuse_member": N_("not accepted this time:"),
    "let_come_again": N_("may come again:"),
    "remove_member": N_("took out:"),
    "close_report": N_("closed a report"),
    "see_members": N_("looked at the list of members"),
    "hand_over": N_("handed the account over"),
    "set_rules": N_("wrote new rules"),
    "set_role": N_("gave another role to:"),
    "come_by_move": N_("became a member by moving here from another account"),
    "erase_received": N_("asked a server to erase everything"),
}


LABELS: dict[str, str] = {
    "lives_with": N_("I live with it"),
    "may_have": N_("I may have it"),
    "cares_for": N_("I care for someone"),
    "lost_someone": N_("I lost someone"),
    "works_in_field": N_("I work in this field"),
}


ABOUT: dict[str, str] = {
    "child": N_("about their child"),
    "other": N_("about somebody else, who agreed"),
}


FRAGMENTS: dict[str, str] = {
    "mail": N_("A mail address"),
    "birth": N_("A full date of birth"),
    "hospital": N_("A number of a hospital or an insurance"),
    "street": N_("A street address"),
    "phone": N_("A telephone number"),
    "child": N_("The name of a child"),
}


def fragment_words(words: Words, kind: str) -> str:
    """What a part of a text may give away."""
    return words.gettext(FRAGMENTS[kind]) if kind in FRAGMENTS else ""


def about_words(words: Words, about: str) -> str:
    """Whom a post is about, as its author said."""
    return words.gettext(ABOUT[about]) if about in ABOUT else ""


def label_words(words: Words, label: str) -> str:
    """What somebody says of themselves, in their own voice."""
    return words.gettext(LABELS[label]) if label in LABELS else ""


def done_words(words: Words, code: str) -> str:
    """The sentence for a code of a `done` query, or nothing for a code nobody knows."""
    return words.gettext(DONE[code]) if code in DONE else ""


def problem_words(words: Words, code: str) -> str:
    """Why something was refused, and what to do."""
    return words.gettext(PROBLEMS.get(code, PROBLEMS["refused"]))


def action_words(words: Words, action: str) -> str:
    """An act of the moderation log, before the name of whom it was about."""
    return words.gettext(ACTIONS[action]) if action in ACTIONS else action
