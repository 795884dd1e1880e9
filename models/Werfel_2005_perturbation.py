"""Learning without any gradient: node and weight perturbation, a genetic algorithm, and their cost.

Werfel, Xie & Seung 2005 (doi:10.1162/089976605774320539): a linear perceptron of M inputs and N
outputs learns a teacher of the same kind from normal inputs, one trial at a time. At the learning
rate that is best for each, node perturbation is slower than gradient descent by a factor of N, and
weight perturbation by another of M (abstract). The expected squared distance from the teacher
shrinks in each trial by ``1 - 2 eta + eta**2 (M + 2) K``, with K of 1, N + 2 and M N + 2 (fourth
moments of normal numbers; noise small). So the best rate is ``1/((M + 2) K)``, and the time to
shrink e-fold ``(M + 2) K``.

Both rules read what each synapse knows and one number that reaches all, by how much a trial went
better for the noise (`apical.feedback.broadcast`); `apical.check` reports the broadcast, and that
each trial is shown twice, without noise and with it. So learn Williams 1992
(doi:10.1007/BF00992696) and Fiete & Seung 2006 (doi:10.1103/PhysRevLett.97.048104). A genetic
algorithm (Such et al. 2017, arXiv:1712.06567) compares whole networks. With ``--cost``, all of
them learn to classify with 784-30-10 neurons, compared by the number of trials they are shown.

Reached, M = 10, N = 5, mean of seeds 0 to 19: trials to shrink e-fold 11 (predicted 12), 88 (84)
and 623 (624). Classifiers of MNIST after a million trials shown, seed 0, test error: BP 4.6, DFA
5.2, node perturbation 8.4, weight perturbation 22.9, genetic algorithm 69.3 %. Below 15 % after
some 5,000 trials under BP and DFA, and 110,000 under node perturbation. 4 s and 23 s on one core.

    python models/Werfel_2005_perturbation.py --cost 1000000 --seeds 1
"""
