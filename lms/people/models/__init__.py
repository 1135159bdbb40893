"""People, the resellers they work for, and the teams that the policy names."""

from lms.people.models.approvals import (
    Approval,
    ApprovalOutcome,
    ApprovalQuerySet,
)
from lms.people.models.company_sign_ins import (
    CompanyIdentity,
    CompanyIdentityQuerySet,
    IdentityProvider,
    new_slug,
)
from lms.people.models.invitations import (
    FAILED_AFTER,
    Invitation,
    InvitationQuerySet,
    InvitationState,
    InviteDraft,
    InviteDraftQuerySet,
)
from lms.people.models.members import (
    Engagement,
    Member,
    MemberQuerySet,
    TeamMembership,
    TeamMembershipQuerySet,
)
from lms.people.models.resellers import (
    Reseller,
    ResellerDates,
    ResellerManager,
    ResellerQuerySet,
    Team,
)
from lms.people.models.users import (
    NameConfirmation,
    NameConfirmationQuerySet,
    NameCorrection,
    NameCorrectionQuerySet,
    SignIn,
    SignInQuerySet,
    User,
    UserManager,
    UserQuerySet,
)

__all__ = [
    "FAILED_AFTER",
    "Approval",
    "ApprovalOutcome",
    "ApprovalQuerySet",
    "CompanyIdentity",
    "CompanyIdentityQuerySet",
    "Engagement",
    "IdentityProvider",
    "Invitation",
    "InvitationQuerySet",
    "InvitationState",
    "InviteDraft",
    "InviteDraftQuerySet",
    "Member",
    "MemberQuerySet",
    "NameConfirmation",
    "NameConfirmationQuerySet",
    "NameCorrection",
    "NameCorrectionQuerySet",
    "Reseller",
    "ResellerDates",
    "ResellerManager",
    "ResellerQuerySet",
    "SignIn",
    "SignInQuerySet",
    "Team",
    "TeamMembership",
    "TeamMembershipQuerySet",
    "User",
    "UserManager",
    "UserQuerySet",
    "new_slug",
]
