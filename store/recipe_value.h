/*
 * recipe_value.h - read the Python source of one value; private to the recipe module.
 */
#ifndef STORE_RECIPE_VALUE_H
#define STORE_RECIPE_VALUE_H

#include "store/recipe.h"

/* Fill @v from the @len bytes at @s; what is not understood becomes RECIPE_OTHER. */
void recipe_value_read(struct recipe_value *v, const char *s, size_t len);

#endif
