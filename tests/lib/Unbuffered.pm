package Unbuffered;

# With -MUnbuffered: what a program prints is there at once, also when it is killed.

use strict;
use warnings;

$| = 1;
1;
