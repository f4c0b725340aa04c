#!/bin/sh
# Kills (SIGKILL) the workers of this demo that run as the same user, and prints their process ids. The exit code is 1
# if there are none. If TASKQUEUE is set, it kills only the workers on that task queue.
#
# A worker is a process of the program `idempotence` whose command is `worker`. The dashboard, other commands, and
# processes that only have these words among their arguments are not killed.
set -eu
# Words are split below, and none of them must be expanded as a pattern.
set -f

# Prints the arguments of process $1, or nothing if it runs another program. The program of a script is its interpreter.
arguments() {
    line=$(ps -ww -o command= -p "$1") || return 0
    # The path may contain blanks. On Linux it is in /proc; on macOS `comm` is the path.
    path=$(readlink "/proc/$1/exe" 2> /dev/null || ps -o comm= -p "$1") || return 0
    case $line in
        "$path "*) echo "${line#"$path "}" ;;
        *)
            case ${line%% *} in
                idempotence | */idempotence | temporal-idempotence | */temporal-idempotence) echo "${line#* }" ;;
            esac
            ;;
    esac
}

# Whether the arguments are those of `idempotence worker`. Flags, some with a value, may come before the command.
is_worker() {
    while [ $# -gt 0 ]; do
        case $1 in
            worker) return 0 ;;
            --address | --namespace | --task-queue | --database | --temporal-cli | --theme)
                [ $# -gt 1 ] || return 1
                shift 2
                ;;
            --*) shift ;;
            *) return 1 ;;
        esac
    done
    return 1
}

# Whether process $1, with the arguments $2 ..., polls the queue that TASKQUEUE names, if it is set. The process's queue
# comes from its flag, or its environment, or is the default.
is_on_queue() {
    [ -n "${TASKQUEUE:-}" ] || return 0
    pid=$1
    shift
    while [ $# -gt 0 ]; do
        case $1 in
            --task-queue=*) [ "${1#*=}" = "$TASKQUEUE" ] && return 0 || return 1 ;;
            --task-queue) [ "${2:-}" = "$TASKQUEUE" ] && return 0 || return 1 ;;
        esac
        shift
    done
    for word in $(ps eww -o command= -p "$pid"); do
        case $word in
            TASKQUEUE=* | TRANSFER_MONEY_TASK_QUEUE=*) [ "${word#*=}" = "$TASKQUEUE" ] && return 0 || return 1 ;;
        esac
    done
    [ "$TASKQUEUE" = inventory-task-queue ]
}

killed=
# On Linux, `comm` is the first 15 characters of the program's name. On macOS it is the path, which may contain blanks.
candidates=$(ps -ww -U "$(id -u)" -o pid= -o comm= |
    sed -n -E 's#^ *([0-9]+) +(.*/)?(temporal-)?idempotence *$#\1#p; s#^ *([0-9]+) +temporal-idempo *$#\1#p')
for candidate in $candidates; do
    # shellcheck disable=SC2046 # these are words
    set -- $(arguments "$candidate")
    if is_worker "$@" && is_on_queue "$candidate" "$@" && kill -KILL "$candidate"; then
        echo "killed worker $candidate"
        killed=yes
    fi
done
if [ -z "$killed" ]; then
    where=
    [ -z "${TASKQUEUE:-}" ] || where=" on the task queue '$TASKQUEUE'"
    echo "no worker of this demo is running$where; start one with: idempotence worker" >&2
    exit 1
fi
