-- The column has its later name here from the start.
DO 0;
