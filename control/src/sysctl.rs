//! Which kernel settings of an interface do we change?
