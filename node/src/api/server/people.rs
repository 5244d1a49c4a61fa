//! Reading the people file again.

use super::{App, blocking};
use crate::api::Problem;
use crate::people::People;

impl App {
    /// Puts the people file in force, as on SIGHUP, and tells how many persons it names.
    ///
    /// # Errors
    /// Where the file is refused, which is accounted for; the people in force then stay.
    pub async fn reload_people(&self) -> Result<usize, Problem> {
        let (office, in_force, path) = (self.office().clone(), self.parts.people.clone(), self.config().people.clone());
        blocking(move || match People::load(path.as_deref()) {
            Ok(people) => {
                office.account_for_people(&people)?;
                let persons = people.persons();
                in_force.replace(people);
                Ok(persons)
            }
            Err(error) => {
                office.account_for_refused_people(&error)?;
                Err(Problem::failed(error.code(), error.to_string()))
            }
        })
        .await
    }
}
