"""Time snnTorch on the same images: backpropagation through time, 100 steps, in batches.

A 784-H-10 network of leaky neurons with a surrogate gradient, after snnTorch's own tutorial 5
(loss on the membranes of the output at every step, Adam). The input is a constant current, so its
weighted sum is the same at every step and is computed once for each batch.

    python benchmarks/rival_snntorch.py --images FILE --labels FILE --trials 5000

Needs torch and snntorch, in any Python. One thread. Prints one JSON object.
"""

import argparse
import json
import time

import numpy as np
import snntorch
import torch

STEPS, BATCH, BETA, RATE = 100, 128, 0.95, 5e-4


class Network(torch.nn.Module):
    """Two layers of leaky integrate-and-fire neurons."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.first, self.second = torch.nn.Linear(inputs, hidden), torch.nn.Linear(hidden, 10)
        self.hidden, self.output = snntorch.Leaky(beta=BETA), snntorch.Leaky(beta=BETA)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the output membranes, shape (steps, batch, classes)."""
        current = self.first(images)  # constant, so once is enough
        v_hidden, v_output = self.hidden.init_leaky(), self.output.init_leaky()
        membranes = []
        for _ in range(STEPS):
            spikes, v_hidden = self.hidden(current, v_hidden)
            _, v_output = self.output(self.second(spikes), v_output)
            membranes.append(v_output)
        return torch.stack(membranes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", required=True)
    parser.add_argument("--labels", required=True)
    parser.add_argument("--trials", type=int, default=5000)
    parser.add_argument("--hidden", type=int, default=200)
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(0)
    labels = torch.from_numpy(np.fromfile(arguments.labels, np.uint8)[: arguments.trials]).long()
    images = np.fromfile(arguments.images, np.uint8).reshape(-1, 784)[: arguments.trials]
    values = torch.from_numpy(images.astype(np.float32) / 255)
    network = Network(784, arguments.hidden)
    optimiser = torch.optim.Adam(network.parameters(), lr=RATE, betas=(0.9, 0.999))

    def learn(batch: slice) -> None:
        membranes = network(values[batch])
        loss = torch.nn.functional.cross_entropy(
            membranes.flatten(0, 1), labels[batch].repeat(STEPS), reduction="sum"
        )
        optimiser.zero_grad()
        (loss / len(labels[batch])).backward()
        optimiser.step()

    learn(slice(0, BATCH))  # what is made at the first use is not timed
    started, busy = time.perf_counter(), time.process_time()
    for start in range(0, len(labels), BATCH):
        learn(slice(start, start + BATCH))
    seconds, busy = time.perf_counter() - started, time.process_time() - busy
    each = 1e3 / len(labels)
    found = {"ms_per_trial": each * seconds, "cpu_ms_per_trial": each * busy, "seconds": seconds}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
