from apical.feedback.two_phase import *
