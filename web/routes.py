"""Every page of the forum and the one function behind it.

The routes end with one that catches all other paths, so that what is unknown answers exactly like
what is hidden: put them after those of the other edge.
"""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from forum.errors import NotFound
from forum.ports import Services
from storage.db import Connection
from web.door import Act, ActDoor, Show, ShowDoor
from web.pages import (
    admin,
    blocks,
    closing,
    communities,
    consents,
    entering,
    files,
    front,
    governing,
    invitations,
    joining,
    mail,
    members,
    messages,
    moderation,
    noticing,
    people,
    posts,
    recalling,
    receipts,
    second_step,
    security,
    subscribing,
    taking,
    threads,
    writing,
)
from web.visit import Visit, open_web

SHOWN: tuple[tuple[str, Show], ...] = (
    ("/t/{id}", threads.show_thread),
    ("/", front.show_front),
    ("/c/{name}", communities.show_community),
    ("/static/{file}", files.show_static),
    ("/communities", front.show_communities),
    ("/communities/new", communities.show_new_community),
    ("/communities/find", communities.show_find),
    ("/c/{name}/new", writing.show_new_thread),
    ("/c/{name}/join", joining.show_join),
    ("/c/{name}/rules", joining.show_rules),
    ("/c/{name}/you", joining.show_you),
    ("/c/{name}/invite", invitations.show_invite),
    ("/c/{name}/moderation", moderation.show_moderation),
    ("/c/{name}/moderation/joining", governing.show_governing),
    ("/c/{name}/members", members.show_members),
    ("/i/{token}", invitations.show_invitation),
    ("/t/{id}/reply", writing.show_reply),
    ("/p/{id}", posts.show_post),
    ("/u/{name}", people.show_person),
    ("/messages", messages.show_messages),
    ("/messages/new", messages.show_new),
    ("/messages/{id}", messages.show_talk),
    ("/settings", people.show_settings),
    ("/settings/close", closing.show_close),
    ("/receipts/{token}", receipts.show_receipt),
    ("/receipts/{token}/text", receipts.show_text),
    ("/admin/recall", recalling.show_recall),
    ("/settings/consent", consents.show_consents),
    ("/settings/blocks", blocks.show_blocks),
    ("/settings/noticing", noticing.show_choices),
    ("/settings/export", taking.show_export),
    ("/settings/security", security.show_security),
    ("/settings/security/code", security.show_generator),
    ("/sign-in/recovery", second_step.show_recovery),
    ("/settings/mail", mail.show_own_mail),
    ("/settings/mail/confirm/{token}", mail.show_confirm),
    ("/sign-in/mail", mail.show_ask),
    ("/sign-in/link/{token}", mail.show_link),
    ("/admin/mail", mail.show_mail_settings),
    ("/admin/mail/arrived/{token}", mail.show_arrived),
    ("/admin/people", mail.show_people),
    ("/settings/export/file", taking.fetch_export),
    ("/sign-up", entering.show_sign_up),
    ("/sign-in", entering.show_sign_in),
    ("/setup/{token}", entering.show_setup),
    ("/admin", admin.show_admin),
    ("/about", front.show_about),
    ("/privacy", front.show_privacy),
    ("/help", front.show_help),
    ("/robots.txt", files.show_robots),
    ("/away", files.leave_quickly),
)

DONE: tuple[tuple[str, Act], ...] = (
    ("/sign-up", entering.sign_up),
    ("/sign-in", entering.sign_in),
    ("/sign-out", entering.sign_out),
    ("/setup/{token}", entering.set_up),
    ("/communities/new", communities.make_community),
    ("/communities/find", communities.find_elsewhere),
    ("/c/{name}/join", joining.join),
    ("/c/{name}/leave", joining.leave),
    ("/c/{name}/subscribe", subscribing.subscribe),
    ("/c/{name}/unsubscribe", subscribing.unsubscribe),
    ("/c/{name}/rules", joining.accept_rules),
    ("/c/{name}/you", joining.choose_label),
    ("/c/{name}/invite", invitations.make_link),
    ("/c/{name}/invite/mail", invitations.send_links),
    ("/c/{name}/invite/cards", invitations.print_links),
    ("/c/{name}/invite/end", invitations.end_links),
    ("/c/{name}/new", writing.start_thread),
    ("/c/{name}/moderation/questions", governing.save_questions),
    ("/c/{name}/moderation/rules", governing.save_rules),
    ("/c/{name}/moderation/role", governing.set_role),
    ("/c/{name}/accept", moderation.accept),
    ("/c/{name}/refuse", moderation.refuse),
    ("/c/{name}/let", moderation.let),
    ("/c/{name}/reports/close", moderation.close_report),
    ("/i/{token}", invitations.accept_invitation),
    ("/t/{id}/reply", writing.reply),
    ("/p/{id}/report", posts.report),
    ("/p/{id}/support", posts.give_support),
    ("/p/{id}/block", posts.block),
    ("/p/{id}/mute", posts.mute),
    ("/p/{id}/delete", posts.delete),
    ("/p/{id}/remove", posts.remove),
    ("/p/{id}/stop", posts.stop),
    ("/p/{id}/let", posts.let),
    ("/messages", messages.choose_mail),
    ("/messages/new", messages.send_first),
    ("/messages/{id}", messages.answer),
    ("/messages/{id}/act", messages.act),
    ("/settings/close", closing.close),
    ("/admin/recall", recalling.recall),
    ("/settings/blocks", blocks.add_wish),
    ("/settings/blocks/undo", blocks.undo),
    ("/settings/language", people.choose_language),
    ("/settings/consent", consents.change_consent),
    ("/settings/noticing", noticing.choose),
    ("/settings/password", people.change_password),
    ("/settings/export", taking.make_export),
    ("/settings/security/sessions", security.end_sessions),
    ("/settings/security/idle", security.choose_idle),
    ("/settings/security/codes", security.make_codes),
    ("/settings/security/begin", security.begin_second_step),
    ("/settings/security/code", security.confirm_second_step),
    ("/settings/security/off", security.end_second_step),
    ("/sign-in/code", second_step.second_step),
    ("/sign-in/recovery", second_step.recover),
    ("/settings/mail", mail.change_own_mail),
    ("/settings/mail/confirm/{token}", mail.confirm),
    ("/sign-in/mail", mail.ask),
    ("/sign-in/link/{token}", mail.use_link),
    ("/admin/mail", mail.save_mail_settings),
    ("/admin/mail/test", mail.send_test),
    ("/admin/mail/arrived/{token}", mail.confirm_arrived),
    ("/admin/mail/drop", mail.throw_away),
    ("/admin/people", mail.hand_over),
    ("/admin/facts", admin.save_facts),
    ("/admin/federation", admin.choose_mode),
    ("/admin/servers", admin.decide_server),
    ("/admin/approve", admin.approve),
    ("/admin/reports/close", moderation.close_report),
)


def routes(services: Services) -> list[BaseRoute]:
    """All pages, the most visited first. They must come last in an application."""
    web = open_web(services)
    shown = [Route(path, ShowDoor(web, show), methods=["GET"]) for path, show in SHOWN]
    done = [Route(path, ActDoor(web, act), methods=["POST"]) for path, act in DONE]
    return [*shown, *done, Route("/{path:path}", ShowDoor(web, _show_nothing))]


async def _show_nothing(visit: Visit, conn: Connection) -> Response:  # noqa: ARG001 - a door's shape
    raise NotFound
