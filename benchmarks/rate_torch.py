"""Time PyTorch on the networks of `rate.py`: eager backpropagation, and DFA by hand.

Answers the requests of `rate.py`. Needs torch and numpy, in any Python. Both learn what apical
learns: tanh, logistic outputs with cross-entropy, biases, the mean over a batch, the same dynamics
of the update.
"""

import itertools
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from worker import serve

RATES = {"plain": 0.1, "rmsprop": 1e-4}
RHO, EPS = 0.99, 1e-8


class Backpropagation:
    """The way PyTorch is used: modules, a loss, autograd, an optimiser."""

    def __init__(self, sizes: list[int], update: str) -> None:
        layers: list[torch.nn.Module] = []
        for before, after in itertools.pairwise(sizes):
            layers += [torch.nn.Linear(before, after), torch.nn.Tanh()]
        self.network = torch.nn.Sequential(*layers[:-1])
        parameters, rate = self.network.parameters(), RATES[update]
        self.optimiser: torch.optim.Optimizer = (
            torch.optim.SGD(parameters, lr=rate)
            if update == "plain"
            else torch.optim.RMSprop(parameters, lr=rate, alpha=RHO, eps=EPS)
        )
        self.loss = torch.nn.BCEWithLogitsLoss(reduction="sum")

    def learn(self, x: torch.Tensor, target: torch.Tensor) -> None:
        """Learn one batch."""
        self.optimiser.zero_grad()
        (self.loss(self.network(x), target) / len(x)).backward()
        self.optimiser.step()

    @torch.no_grad()
    def output(self, x: torch.Tensor) -> torch.Tensor:
        """Return the drive of the output."""
        return self.network(x)


class DirectFeedback:
    """Direct feedback alignment by hand, without autograd, updates in place."""

    def __init__(self, sizes: list[int], update: str) -> None:
        pairs = list(itertools.pairwise(sizes))
        self.is_plain, self.rate = update == "plain", RATES[update]
        self.weights = [torch.zeros(pair) for pair in pairs]
        self.biases = [torch.zeros(after) for _, after in pairs]
        self.feedback = [torch.empty(sizes[-1], n).uniform_(-1, 1) / n**0.5 for n in sizes[1:-1]]
        self.squares = [torch.zeros_like(p) for p in (*self.weights, *self.biases)]

    @torch.no_grad()
    def learn(self, x: torch.Tensor, target: torch.Tensor) -> None:
        """Learn one batch."""
        activities, rate = self._forward(x), self.rate / len(x)
        error = target - torch.sigmoid(activities.pop())
        deltas = [
            (error @ b).mul_(1 - y * y) for b, y in zip(self.feedback, activities[1:], strict=True)
        ]
        deltas.append(error)
        layers = zip(self.weights, self.biases, activities, deltas, strict=True)
        for number, (w, bias, before, delta) in enumerate(layers):
            if self.is_plain:
                w.addmm_(before.T, delta, alpha=rate)
                bias.add_(delta.sum(0), alpha=rate)
            else:
                self._divided(w, before.T @ delta / len(x), self.squares[number])
                self._divided(bias, delta.mean(0), self.squares[len(self.weights) + number])

    def _divided(self, parameter: torch.Tensor, update: torch.Tensor, square: torch.Tensor) -> None:
        square.mul_(RHO).addcmul_(update, update, value=1 - RHO)
        parameter.addcdiv_(update, square.sqrt().add_(EPS), value=self.rate)

    def _forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        activities = [x]
        for number, (w, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            drive = torch.addmm(bias, activities[-1], w)
            activities.append(drive if number == len(self.weights) - 1 else drive.tanh_())
        return activities

    @torch.no_grad()
    def output(self, x: torch.Tensor) -> torch.Tensor:
        """Return the drive of the output."""
        return self._forward(x)[-1]


@cache
def images(file: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return values and labels of a file."""
    with np.load(file) as arrays:
        return torch.from_numpy(arrays["values"]), torch.from_numpy(arrays["labels"])


@cache
def contestant(what: str, sizes: tuple[int, ...], update: str, batch: int) -> Any:
    torch.manual_seed(batch)
    kinds: dict[str, Callable[..., Any]] = {"BP": Backpropagation, "DFA": DirectFeedback}
    return kinds[what](list(sizes), update)


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Time a number of batches, or say what is installed."""
    if "what" not in request:
        return {"torch": torch.__version__, "threads": torch.get_num_threads()}
    values, labels = images(request["file"])
    batch, n = request["batch"], request["trials"]
    learner = contestant(request["what"], tuple(request["sizes"]), request["update"], batch)
    target = torch.nn.functional.one_hot(labels, request["sizes"][-1]).float()
    if not n:
        wrong = learner.output(values).argmax(1) != labels
        return {"error": float(wrong.double().mean())}
    started = time.perf_counter()
    for start in range(0, n, batch):
        learner.learn(values[start : start + batch], target[start : start + batch])
    return {"seconds": time.perf_counter() - started}


if __name__ == "__main__":
    serve(answer)
