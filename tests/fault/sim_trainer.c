/*
 * sim_trainer.c - the simulated training command as a program of its own.
 */
#include "tests/fault/sim_trainer.h"

int main(void)
{
	return sim_trainer_main();
}
