"""What the channel team may do in the CMS."""

from __future__ import annotations

from django.contrib.auth.models import Group, Permission
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from wagtail.models import (
    Collection,
    GroupApprovalTask,
    GroupCollectionPermission,
    GroupPagePermission,
    Page,
    Workflow,
    WorkflowPage,
    WorkflowTask,
)

from lms.people.accounts import CHANNEL_TEAM, CONTENT_ONLY, PEOPLE_ONLY, TEAM_GROUPS

PAGES = ["add_page", "change_page", "publish_page", "lock_page", "unlock_page"]
FILES = {
    "wagtailimages": ["add_image", "change_image", "choose_image"],
    "wagtaildocs": ["add_document", "change_document", "choose_document"],
}
READING = {
    "wagtailadmin": ["access_admin"],
    "people": [
        *("view_reseller", "view_invitation", "view_user"),
        "view_identityprovider",
    ],
    "training_sessions": ["view_trainer"],
}
CONTENT = {
    "content": ["change_branding", "add_tag", "change_tag"],
    "certificates": ["change_certificatedesign", "publish_certificatedesign"],
}
PEOPLE = {  # deleting is not among them: people and what they did stay
    "people": [
        *("add_reseller", "change_reseller"),
        *("add_invitation", "change_invitation"),
        *("add_user", "change_user"),
        *("add_identityprovider", "change_identityprovider"),
    ],
    "training_sessions": ["add_trainer", "change_trainer"],
}


def grant_channel_teams() -> None:
    """Make the channel team's groups, and let each do what it is for."""
    for name in TEAM_GROUPS.values():
        grant_channel_team(Group.objects.get_or_create(name=name)[0])


def grant_channel_team(group: Group) -> None:
    """Let one of the channel team's groups read; edit content or look after people.

    Doing it again changes nothing, and takes nothing away that was added by hand.
    """
    group.permissions.add(*_permissions(READING))
    if group.name in (CHANNEL_TEAM, PEOPLE_ONLY):
        group.permissions.add(*_permissions(PEOPLE))
    if group.name in (CHANNEL_TEAM, CONTENT_ONLY):
        _grant_content(group)


def _grant_content(group: Group) -> None:
    """Let the group edit and publish pages, and upload files."""
    group.permissions.add(*_permissions(CONTENT))
    root = Page.get_first_root_node()
    for permission in _permissions({"wagtailcore": PAGES}):
        GroupPagePermission.objects.get_or_create(
            group=group, page=root, permission=permission
        )
    collection = Collection.get_first_root_node()
    for permission in _permissions(FILES):
        GroupCollectionPermission.objects.get_or_create(
            group=group, collection=collection, permission=permission
        )
    _let_approve(group, root)


def _let_approve(group: Group, root: Page) -> None:
    """Let the group approve what editors who may not publish have submitted."""
    if GroupApprovalTask.objects.filter(groups=group).exists():
        return
    teams = GroupApprovalTask.objects.filter(groups__name__in=TEAM_GROUPS.values())
    if task := teams.order_by("pk").first():
        task.groups.add(group)
        return
    task = GroupApprovalTask.objects.create(name=_("Approval by the channel team"))
    task.groups.add(group)
    workflow = Workflow.objects.create(name=_("the channel team"))
    WorkflowTask.objects.create(workflow=workflow, task=task)
    WorkflowPage.objects.update_or_create(page=root, defaults={"workflow": workflow})


def _permissions(wanted: dict[str, list[str]]) -> QuerySet[Permission]:
    any_of = Q()
    for app, codenames in wanted.items():
        any_of |= Q(content_type__app_label=app, codename__in=codenames)
    return Permission.objects.filter(any_of)
