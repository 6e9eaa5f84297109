/// len
pub const HEADER_LEN: usize = 10;
