/// buf
pub struct FrameBuffer;
impl FrameBuffer {
    /// s
    pub fn space(&mut self) -> &mut [u8] { &mut [] }
}
