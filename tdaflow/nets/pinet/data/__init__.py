"""The public data sets of Som et al., "PI-Net" (2019): CIFAR-10, CIFAR-100, SVHN, USC-HAD, GENEActiv.

None of them travels with tdaflow. Files that are there are read; CIFAR and SVHN are downloaded on request and checked
against their published sums. Nothing is unpickled.
"""
