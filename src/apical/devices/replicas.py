"""Replicas: networks of one structure that run side by side in one program."""

import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from apical._base.checking import checked
from apical._base.parameters import Count

T = TypeVar("T")
Calls = list[Callable[[], Any]]
Steps = Generator[Calls, None, Any]
"""Yields lists of calls that are to be executed, one after the other, and returns a result."""
Together = Callable[[Sequence[Calls]], None]
"""Executes one list of each of several replicas."""


class Replicas:
    """Places for networks of one structure that run side by side: seeds, learning rates, ...

    Each replica trains as it would alone: by its own function, in blocks of its own stimuli, with
    the random streams of its own seed. Where all of them run a block, the operations of one time
    that are elementwise become one operation on arrays with an axis of replicas, which saves what
    Python takes for each call. Results on NumPy have the bits of a replica alone; on PyTorch they
    agree up to rounding, as products of several replicas are one there. Networks that differ in
    structure (numbers of neurons, batch, rule) run too, one after the other.

    Parameters
    ----------
    n
        Number of replicas.

    Examples
    --------
    Four seeds of a network of rates, each of which gives what it gives alone:

    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.testing.references import rates, trials
    >>> def learn(replica=None, seed=0):
    ...     seed = replica.number if replica else seed
    ...     with ap.simulate(rates(seed=seed), "array", batch=3, replica=replica) as simulator:
    ...         simulator.run(trials(1.0))
    ...         return simulator.weights("stimulus_to_hidden_1")
    >>> together = ap.Replicas(4).each(learn)
    >>> [np.array_equal(weights, learn(seed=k)) for k, weights in enumerate(together)]
    [True, True, True, True]
    """

    @checked()
    def __init__(self, n: Count) -> None:
        self.seats = tuple(Replica(number, self) for number in range(n))
        self._turn = threading.Condition()
        self._active: set[int] = set()
        self._waiting: dict[int, tuple[Together, Steps]] = {}
        self._ended: dict[int, tuple[Any, BaseException | None]] = {}
        self._interrupted = False
        self.shared: dict[str, Any] = {}
        """What a device keeps for all replicas, by a name of its own."""

    def each(self, function: Callable[["Replica"], T]) -> list[T]:
        """Call a function for every replica, and return what it returned for each.

        Only one of them runs at a time, in a thread of its own, until it runs a block; blocks run
        when every replica that has not ended waits for one.

        Parameters
        ----------
        function
            Given a `Replica`, which it passes to `apical.simulate`.

        Raises
        ------
        Exception
            The first that one of them raised, after all have ended.
        """
        found: list[Any] = [None] * len(self.seats)
        raised: dict[int, BaseException] = {}

        def live(seat: Replica) -> None:
            with self._turn:
                try:
                    found[seat.number] = function(seat)
                except BaseException as error:  # raised where it is looked for
                    raised[seat.number] = error
                self._active.discard(seat.number)
                self._go_on()

        self._interrupted = False
        self.shared.clear()  # so that what one of them left behind does not concern new ones
        self._active = {seat.number for seat in self.seats}
        threads = [threading.Thread(target=live, args=(seat,)) for seat in self.seats]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        except BaseException:  # Ctrl-C: every replica ends where it would run its next block
            self._interrupted = True
            for thread in threads:
                thread.join()
            raise
        if raised:
            raise raised[min(raised)]
        return found

    def _go_on(self) -> None:
        """Run blocks if every replica that has not ended waits for one."""
        if self._active and self._active <= self._waiting.keys():
            waiting, self._waiting = self._waiting, {}
            for together in {id(t): t for t, _ in waiting.values()}.values():
                own = {n: steps for n, (t, steps) in waiting.items() if t is together}
                self._run(together, dict(sorted(own.items())))
            self._turn.notify_all()

    def _run(self, together: Together, running: dict[int, Steps]) -> None:
        """Run the blocks of some replicas to their ends."""
        while running:
            lists = {}
            for number, steps in list(running.items()):
                try:
                    lists[number] = next(steps)
                except BaseException as ended:  # a result, or what that replica alone is told
                    is_result = isinstance(ended, StopIteration)
                    value = ended.value if isinstance(ended, StopIteration) else None
                    self._ended[number] = value, None if is_result else ended
                    del running[number]
            try:
                together([*lists.values()])
            except BaseException as error:  # of all that took part
                self._ended |= {number: (None, error) for number in lists}
                return

    def _wait(self, number: int, steps: Steps, together: Together) -> Any:
        """Run a block of a replica beside those of the others, and return its result."""
        with self._turn:
            if number in self._active:
                self._waiting[number] = together, steps
                self._go_on()
                while number not in self._ended and not self._interrupted:
                    self._turn.wait(0.1)
            else:
                self._run(together, {number: steps})
            if number not in self._ended:
                self._waiting.pop(number, None)
                raise KeyboardInterrupt
            value, error = self._ended.pop(number)
        if error is not None:
            raise error
        return value


@dataclass(frozen=True)
class Replica:
    """A place among `Replicas`, the option ``replica`` of `apical.simulate`.

    Parameters
    ----------
    number
        Which of them, from 0 on.
    among
        All of them.

    Examples
    --------
    >>> import apical as ap
    >>> [replica.number for replica in ap.Replicas(3).seats]
    [0, 1, 2]
    """

    number: int
    among: Replicas

    def run(self, steps: Steps, together: Together) -> Any:
        """Run a block beside those of other replicas, and return its result.

        For devices.

        Parameters
        ----------
        steps
            Yields lists of calls, and returns the result.
        together
            Executes one list of each replica; the same object for all that may run so.
        """
        return self.among._wait(self.number, steps, together)
