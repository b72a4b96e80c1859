"""pool - the processes of one service

DESCRIPTION
    A Pool starts processes as policy says, follows what they report, and
    replaces those that end. After a reload it has processes of several
    configurations: those of the last one, and older ones on their way out.
    Of our own daemons these count for nothing and wait to be buried. Programs
    of Postfix rely on the limit of processes, a queue manager on being the
    only one: of those the older ones count, and are replaced as they end.

SEE ALSO
    spec/master-protocol.md, section 4
    master.policy, which decides
    master.channel, by which processes report and are told to leave
"""

import functools
import operator
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from common.log import Log
from common.sandbox.layers import Layer
from master import policy
from master.channel import Channel, Process
from master.children import Birth, Nursery
from master.events import Loop, Timer
from master.foreign import ExecError
from master.listeners import clients_wait
from master.plan import NativePlan, Plan
from master.policy import REACTIONS, Ending, Reaction, Tally
from master.stress import Stress
from master.wakeup import Wakeup

# Reports are taken together: one process fewer to wake for each message, and a service that is
# all taken grows by so much later.
REPORT_SECONDS = 0.005
FORK_RETRY = 1.0  # seconds until a fork is tried again that the system refused


class Pool:
    """One service at work."""

    def __init__(self, plan: Plan, nursery: Nursery, loop: Loop, log: Log) -> None:
        self.plan = plan
        self.tally = Tally(plan.prefork, plan.service.process_limit)
        self.wakeup = Wakeup(plan, loop, log)
        self.stress = Stress()
        self.channel: Channel | None = None
        self.retired: list[Channel] = []
        self.on_change: Callable[[], None] = lambda: None
        self._nursery = nursery
        self._births: dict[int, Birth] = {}
        self._loop = loop
        self._log = log
        self._listeners: list[int] = []
        self._watching = False
        self._timer: Timer | None = None
        self._fork_failed = False

    @property
    def processes(self) -> Iterator[tuple[Channel, Process]]:
        """Every process, the oldest configuration's first."""
        channels = [*self.retired, self.channel] if self.channel else self.retired
        return ((one, process) for one in channels for process in one.processes.values())

    @property
    def layers(self) -> Layer | None:
        """What each process has shut itself in with; None if none has said so yet."""
        told = (one.shared.told.heard() for one in self._births.values() if one.shared)
        heard = [layers for layers in told if layers is not None]
        return functools.reduce(operator.and_, heard) if heard else None

    def run(
        self,
        plan: Plan,
        listeners: list[int],
        parting: Sequence[int] = (),
        *,
        lift_throttle: bool = True,
    ) -> None:
        """Start processes by this plan; those of an earlier plan are told to leave.

        parting: listeners of before that get no more clients. Whoever waits there already
        is served by the first of the new processes.
        """
        earlier = self._change_channel(native=isinstance(plan, NativePlan))
        self._watch(False)
        self.plan, self._listeners = plan.with_parting(len(parting)), [*listeners, *parting]
        # A throttle ends here: whoever reloads has repaired something, and wants it tried.
        held = 0.0 if lift_throttle else self.tally.throttled_until
        self.tally = Tally(plan.prefork, plan.service.process_limit, throttled_until=held)
        if earlier and not isinstance(plan, NativePlan):
            self.tally.leaving = len(earlier.processes) + sum(1 for _ in self.processes)
        # The new ones first: somebody accepts at any time.
        first = max(plan.prefork, clients_wait(parting))
        for _ in range(first if held <= time.monotonic() else 0):
            if not self._spawn():
                break
        self.plan, self._listeners = plan, listeners
        if earlier:
            self._retire(earlier)
        self.settle()
        self.wakeup.stop()
        self.wakeup = Wakeup(plan, self._loop, self._log)
        self._wake_up()

    def adopt(self, channels: Iterable[Channel]) -> None:
        """Own the processes of these, the current one last, which somebody else has started."""
        for channel in channels:
            if not channel.ended:
                self._loop.watch(channel.ours.fileno(), self._reader(channel))
            if channel.retired:
                self.retired.append(channel)
            else:
                self.channel = channel

    def leave(self) -> None:
        """Start nothing more, and tell every process to leave."""
        self.wakeup.stop()
        self._watch(False)
        self._look_again(None)
        if self.channel:
            current, self.channel = self.channel, None
            self._retire(current)

    def reap(self, pid: int, status: int, *, silently: bool) -> bool:
        """Note the end of a process; False if it is none of this service."""
        channel = next((one for one, process in self.processes if process.pid == pid), None)
        if channel is None:
            return False
        if not channel.ended:
            self._read(channel)  # it may have said that it served somebody
        process = channel.processes.pop(pid)
        self._wind_up(pid)
        if not silently:
            self._react(channel, process, status)
        if channel is self.channel:
            self.tally.total -= 1
            self.tally.available -= not process.taken
            self.tally.earned += policy.ending(status) is Ending.CLEAN and process.requests > 0
            self.tally.orphaned |= self._client_waits()
            self.settle()
        elif self.tally.leaving:
            self.tally.leaving -= 1
            self.settle()
            self._wake_up()
        self._forget_empty()
        self.on_change()
        return True

    def settle(self) -> None:
        """Do what policy asks for."""
        if self.channel is None:
            return
        decision = policy.decide(self.tally, time.monotonic())
        for _ in range(decision.forks):
            self.tally.note_start(time.monotonic())
            if not self._spawn():
                break
        if decision.forks:
            self.tally.orphaned = False
            decision = policy.decide(self.tally, time.monotonic())
        self._watch(decision.watch)
        self._look_again(decision.look_again)
        if not (self.tally.available or self.tally.room()) and self.plan.stressable:
            self.stress.warn(self.plan.service, self._log, time.monotonic())

    def _spawn(self) -> bool:
        """Start one process; tell whether the system allowed it."""
        assert self.channel is not None
        now = time.monotonic()
        status = self.channel.theirs.fileno()
        stressed = self.stress.lasts(now)
        try:
            birth = self._nursery.spawn(self.plan, status, self._listeners, stressed=stressed)
        except ExecError as error:
            self._log.warning(str(error))
            self._throttle(now)
            return False
        except OSError as error:
            if not self._fork_failed:
                self._log.warning(f"fork: {error.strerror}: service {self.plan.service.name} waits")
            self._fork_failed = True
            self.tally.backing_off_until = now + FORK_RETRY
            return False
        self._fork_failed = False
        self.channel.processes[birth.pid] = Process(birth.pid, birth.generation, now)
        self._births[birth.pid] = birth
        self.tally.total += 1
        self.tally.available += 1
        self.wakeup.used()
        return True

    def _client_came(self) -> None:
        """Start one process: a client waits, and nobody else would take it."""
        tally = self.tally
        if self.plan.stressable and tally.total + tally.leaving + 1 >= tally.limit:
            self._note_stress()
        self._spawn()
        self.settle()

    def _client_waits(self) -> bool:
        """Tell whether there is one that nobody may be awake for.

        A client wakes one of our processes. If that one leaves without it, because it found a
        table changed or was just told to, the others sleep on; a new one looks first.
        """
        native = isinstance(self.plan, NativePlan)
        return self.channel is not None and native and clients_wait(self._listeners)

    def _note_stress(self) -> None:
        """Tell processes of overload from now on; programs that were not told leave when idle."""
        begins = self.stress.note(time.monotonic())
        if not begins or isinstance(self.plan, NativePlan):
            return
        try:
            earlier = self._change_channel(native=False)
        except OSError as error:
            self._log.warning(f"socketpair: {error.strerror}: processes at work stay as they are")
            return
        self.tally.leaving += self.tally.total
        self.tally.total = self.tally.available = 0
        if earlier:
            self._retire(earlier)

    def _change_channel(self, *, native: bool) -> Channel | None:
        """Let new processes report to a new channel; return the one of those before."""
        earlier, self.channel = self.channel, Channel.open(native=native)
        self._loop.watch(self.channel.ours.fileno(), self._reader(self.channel))
        return earlier

    def _reader(self, channel: Channel) -> Callable[[], None]:
        def read() -> None:
            self._read(channel)
            self._loop.pause(channel.ours.fileno(), REPORT_SECONDS)
            if self._watching or not self.tally.available:
                self.settle()

        return read

    def _read(self, channel: Channel) -> None:
        """Take in reports; older processes change nothing but their own state."""
        reading = channel.read()
        if channel is self.channel:
            self.tally.available += reading.freed
            self.tally.deaths = 0 if reading.served else self.tally.deaths
        for complaint in reading.complaints:
            self._log.warning(f"service {self.plan.service.name}: {complaint}")
        if channel.ended:
            self._close(channel)
            self._forget_empty()
            self.tally.orphaned |= self._client_waits()
            self.settle()
            self.on_change()

    def _react(self, channel: Channel, process: Process, status: int) -> None:
        """Log an unhappy end, and hold the service if it says something about it."""
        now = time.monotonic()
        use = policy.use(process.requests, now - process.born)
        reaction = REACTIONS[policy.ending(status), use]
        if reaction not in (Reaction.NOTHING, Reaction.PAUSE):
            path = self.plan.program_path
            self._log.warning(f"process {path} pid {process.pid} {policy.described(status)}")
        if channel is not self.channel:
            return  # its successors run under another configuration
        if reaction is Reaction.THROTTLE:
            self._throttle(now)
        elif reaction in (Reaction.BACK_OFF, Reaction.PAUSE):
            self.tally.back_off(now)

    def _wind_up(self, pid: int) -> None:
        """Do what a process that has ended left undone, as far as that is known."""
        birth = self._births.pop(pid, None)
        if birth and birth.shared:  # else a child of another program, or one of Postfix's
            birth.shared.wind_up(pid, self._log)

    def _throttle(self, now: float) -> None:
        """Start nothing for a while: it would fail again."""
        if self.tally.throttle(now, self.plan.throttle_time):
            self._log.warning(f"{self.plan.program_path}: bad command startup -- throttling")

    def _wake_up(self) -> None:
        """Begin to call the service, once nobody is left who would take the call and leave."""
        if not self.tally.leaving:
            self.wakeup.start(self._listeners[0])

    def _retire(self, channel: Channel) -> None:
        """Tell the processes of a channel to leave."""
        if not channel.native:
            self._read(channel)  # for the last time: who is busy need not be waited for
        self.retired.append(channel)
        channel.retire()
        if channel.ended:
            self._close(channel)
            self._forget_empty()

    def _close(self, channel: Channel) -> None:
        self._loop.forget(channel.ours.fileno())
        channel.close()

    def _forget_empty(self) -> None:
        """Drop channels of which nothing is left."""
        self.retired = [one for one in self.retired if one.processes or not one.confirmed]

    def _watch(self, wanted: bool) -> None:
        if wanted == self._watching:
            return
        self._watching = wanted
        for descriptor in self._listeners:
            if wanted:
                self._loop.watch(descriptor, self._client_came)
            else:
                self._loop.forget(descriptor)

    def _look_again(self, when: float | None) -> None:
        if self._timer and self._timer.when == when:
            return
        if self._timer:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._time_came) if when else None

    def _time_came(self) -> None:
        self._timer = None
        self.settle()
