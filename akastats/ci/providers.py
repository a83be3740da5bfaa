"""Environment variables with which each CI provider describes a build. Data only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Provider:
    """Names of one CI provider's variables; the first variable that is set counts.

    A name with `{}` is a format over variables.

    name: name of the provider.
    sign: variable that is set in every build of this provider.
    branch, commit, build_id, build_url, job, attempt: variables of a build without a pull request.
    number: variables with the number or URL of the pull request.
    references: variables with a git reference, which may name a pull request.
    events: variables with a prefix of their value that indicates a pull request; an empty prefix matches any
    value.
    source, target: variables with the branch of the pull request, and the branch that it will be merged into.
    default_branch: variables with the default branch of the repository.
    """

    name: str
    sign: str
    branch: tuple[str, ...]
    commit: tuple[str, ...]
    build_id: tuple[str, ...]
    build_url: tuple[str, ...]
    job: tuple[str, ...]
    attempt: tuple[str, ...] = ()
    number: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    events: tuple[tuple[str, str], ...] = ()
    source: tuple[str, ...] = ()
    target: tuple[str, ...] = ()
    default_branch: tuple[str, ...] = ()


# The names are from each provider's documentation of predefined variables.
PROVIDERS = (
    Provider(
        "github",
        "GITHUB_ACTIONS",
        branch=("GITHUB_REF_NAME",),
        commit=("GITHUB_SHA",),
        build_id=("GITHUB_RUN_ID",),
        build_url=("{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}",),
        job=("GITHUB_JOB",),
        attempt=("GITHUB_RUN_ATTEMPT",),
        references=("GITHUB_REF", "GITHUB_REF_NAME"),
        # The prefix also matches pull_request_target, pull_request_review and pull_request_review_comment.
        events=(("GITHUB_EVENT_NAME", "pull_request"), ("GITHUB_HEAD_REF", ""), ("GITHUB_BASE_REF", "")),
        source=("GITHUB_HEAD_REF",),
        target=("GITHUB_BASE_REF",),
    ),
    Provider(
        "gitlab",
        "GITLAB_CI",
        branch=("CI_COMMIT_BRANCH", "CI_COMMIT_REF_NAME"),
        commit=("CI_COMMIT_SHA",),
        build_id=("CI_PIPELINE_ID",),
        build_url=("CI_PIPELINE_URL", "CI_JOB_URL"),
        job=("CI_JOB_NAME",),
        # A retried job has the name and the pipeline of the first attempt, and its own id.
        attempt=("CI_JOB_ID",),
        number=("CI_MERGE_REQUEST_IID", "CI_EXTERNAL_PULL_REQUEST_IID", "CI_MERGE_REQUEST_ID"),
        references=("CI_MERGE_REQUEST_REF_PATH",),
        events=(
            ("CI_PIPELINE_SOURCE", "merge_request_event"),
            ("CI_PIPELINE_SOURCE", "external_pull_request_event"),
            ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", ""),
            ("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", ""),
        ),
        source=(
            "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME",
            "CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME",
            "CI_COMMIT_REF_NAME",
        ),
        target=("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME"),
        default_branch=("CI_DEFAULT_BRANCH",),
    ),
    Provider(
        "jenkins",
        "JENKINS_URL",
        branch=("BRANCH_NAME", "GIT_LOCAL_BRANCH", "GIT_BRANCH"),
        commit=("GIT_COMMIT",),
        build_id=("BUILD_TAG", "BUILD_ID"),
        build_url=("BUILD_URL",),
        job=("JOB_NAME",),
        # The plugin "GitHub Pull Request Builder" sets the second variable, the plugin "GitLab" sets the third.
        number=("CHANGE_ID", "ghprbPullId", "gitlabMergeRequestIid"),
        events=(("CHANGE_TARGET", ""), ("CHANGE_BRANCH", "")),
        source=("CHANGE_BRANCH", "ghprbSourceBranch", "gitlabSourceBranch"),
        target=("CHANGE_TARGET", "ghprbTargetBranch", "gitlabTargetBranch"),
    ),
    Provider(
        "circleci",
        "CIRCLECI",
        branch=("CIRCLE_BRANCH", "CIRCLE_TAG"),
        commit=("CIRCLE_SHA1",),
        build_id=("CIRCLE_WORKFLOW_ID",),
        build_url=("CIRCLE_BUILD_URL",),
        job=("CIRCLE_JOB",),
        number=("CIRCLE_PR_NUMBER", "CIRCLE_PULL_REQUEST"),
        references=("CIRCLE_BRANCH",),
        source=("CIRCLE_BRANCH",),
    ),
    Provider(
        "buildkite",
        "BUILDKITE",
        branch=("BUILDKITE_BRANCH",),
        commit=("BUILDKITE_COMMIT",),
        build_id=("BUILDKITE_BUILD_ID",),
        build_url=("BUILDKITE_BUILD_URL",),
        job=("BUILDKITE_LABEL", "BUILDKITE_STEP_KEY"),
        attempt=("BUILDKITE_RETRY_COUNT",),
        number=("BUILDKITE_PULL_REQUEST",),
        references=("BUILDKITE_BRANCH",),
        events=(("BUILDKITE_PULL_REQUEST_BASE_BRANCH", ""),),
        source=("BUILDKITE_BRANCH",),
        target=("BUILDKITE_PULL_REQUEST_BASE_BRANCH",),
        default_branch=("BUILDKITE_PIPELINE_DEFAULT_BRANCH",),
    ),
    Provider(
        "azure",
        "TF_BUILD",
        branch=("BUILD_SOURCEBRANCH",),
        commit=("BUILD_SOURCEVERSION",),
        build_id=("BUILD_BUILDID",),
        build_url=("{SYSTEM_COLLECTIONURI}{SYSTEM_TEAMPROJECT}/_build/results?buildId={BUILD_BUILDID}",),
        job=("AGENT_JOBNAME",),
        attempt=("SYSTEM_JOBATTEMPT",),
        # For a repository on GitHub, only the first variable has the number of the pull request.
        number=("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER", "SYSTEM_PULLREQUEST_PULLREQUESTID"),
        references=("BUILD_SOURCEBRANCH",),
        events=(("BUILD_REASON", "PullRequest"), ("SYSTEM_PULLREQUEST_TARGETBRANCH", "")),
        source=("SYSTEM_PULLREQUEST_SOURCEBRANCH",),
        target=("SYSTEM_PULLREQUEST_TARGETBRANCH", "SYSTEM_PULLREQUEST_TARGETBRANCHNAME"),
    ),
    Provider(
        "travis",
        "TRAVIS",
        branch=("TRAVIS_BRANCH",),
        commit=("TRAVIS_PULL_REQUEST_SHA", "TRAVIS_COMMIT"),
        build_id=("TRAVIS_BUILD_ID",),
        build_url=("TRAVIS_BUILD_WEB_URL",),
        job=("TRAVIS_JOB_NAME", "TRAVIS_JOB_NUMBER"),
        number=("TRAVIS_PULL_REQUEST",),
        events=(("TRAVIS_EVENT_TYPE", "pull_request"), ("TRAVIS_PULL_REQUEST_BRANCH", "")),
        source=("TRAVIS_PULL_REQUEST_BRANCH",),
        target=("TRAVIS_BRANCH",),
    ),
    Provider(
        "drone",
        "DRONE",
        branch=("DRONE_SOURCE_BRANCH", "DRONE_BRANCH"),
        commit=("DRONE_COMMIT_SHA", "DRONE_COMMIT"),
        build_id=("DRONE_BUILD_NUMBER",),
        build_url=("DRONE_BUILD_LINK",),
        job=("DRONE_STEP_NAME",),
        number=("DRONE_PULL_REQUEST",),
        references=("DRONE_COMMIT_REF",),
        events=(("DRONE_BUILD_EVENT", "pull_request"),),
        source=("DRONE_SOURCE_BRANCH",),
        target=("DRONE_TARGET_BRANCH", "DRONE_BRANCH"),
        default_branch=("DRONE_REPO_BRANCH",),
    ),
    Provider(
        "teamcity",
        "TEAMCITY_VERSION",
        # TeamCity passes parameters as variables only if a project configures it, with names like these.
        branch=("TEAMCITY_BUILD_BRANCH",),
        commit=("BUILD_VCS_NUMBER",),
        build_id=("TEAMCITY_BUILD_ID", "BUILD_NUMBER"),
        build_url=("BUILD_URL",),
        job=("TEAMCITY_BUILDCONF_NAME",),
        number=("TEAMCITY_PULLREQUEST_NUMBER",),
        references=("TEAMCITY_BUILD_BRANCH",),
        events=(("TEAMCITY_PULLREQUEST_TARGET_BRANCH", ""), ("TEAMCITY_PULLREQUEST_SOURCE_BRANCH", "")),
        source=("TEAMCITY_PULLREQUEST_SOURCE_BRANCH", "TEAMCITY_BUILD_BRANCH"),
        target=("TEAMCITY_PULLREQUEST_TARGET_BRANCH",),
    ),
    Provider(
        "bitbucket",
        "BITBUCKET_BUILD_NUMBER",
        branch=("BITBUCKET_BRANCH", "BITBUCKET_TAG"),
        commit=("BITBUCKET_COMMIT",),
        build_id=("BITBUCKET_PIPELINE_UUID", "BITBUCKET_BUILD_NUMBER"),
        build_url=("{BITBUCKET_GIT_HTTP_ORIGIN}/pipelines/results/{BITBUCKET_BUILD_NUMBER}",),
        job=("BITBUCKET_STEP_UUID",),
        number=("BITBUCKET_PR_ID",),
        events=(("BITBUCKET_PR_DESTINATION_BRANCH", ""),),
        source=("BITBUCKET_BRANCH",),
        target=("BITBUCKET_PR_DESTINATION_BRANCH",),
    ),
)
